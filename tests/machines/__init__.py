"""Proof by machines: random lives, every boundary interrupted once, and a year of cycles.

A town is a small company with a service, in one process: its keys, its people and their sinks are fakes that
remember what took effect (`witness.py`). A judge holds I1 to I8 against that alone: it knows the config that
was in force, and nothing of the ledger.
"""
