"""Files of strangers, by the million: ``python -m fuzz``, with ``tests`` on the path, as ``make fuzz`` runs it."""
