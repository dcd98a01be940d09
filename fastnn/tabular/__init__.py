"""Networks for tables, and what an analyst needs to know of them (:mod:`fastnn.tabular.report`)."""
