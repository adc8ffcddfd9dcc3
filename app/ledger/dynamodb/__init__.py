"""DynamoDB: a ledger that replicas share, without a server to run (docs/ledger-dynamodb.md).

ledger   what the contract asks            reading, writing   domain objects to and from pages
seat     the lease, in the head            control, trail     what there is one of; the audit trail
store    one reading, one change           snapshot, draft    what they look at
journal  the head and the redo log         pages, items       rows, compressed, in items
table    requests on many items            wire, faults       one request
pruning  what can be forgotten             making             the table itself
"""
