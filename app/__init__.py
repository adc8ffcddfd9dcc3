"""Keysteward keeps watch over long-lived AWS credentials. The path of the data is the layout:

accounts -> inventory -> policy -> plan -> ledger -> sinks

``accounts`` lists what to look at, ``inventory`` reads each account whole or not at all,
``policy`` says what is due for one credential (pure), ``plan`` turns that into actions and
holds back what the guards forbid (pure), ``ledger`` remembers it durably, and ``sinks`` carry it
out. ``service/run_once.py`` shows the whole path in one function; ``bootstrap.py`` is the only
place where concrete classes meet.
"""

__version__ = "0.1.0"
