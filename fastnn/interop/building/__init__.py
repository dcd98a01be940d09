"""The parts of :class:`fastnn.interop.channels_first.ChannelsFirst`: values, and the operations on them by kinds."""
