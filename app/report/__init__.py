"""Evidence packs for auditors: what a standard asks of access keys, and how each account fares."""
