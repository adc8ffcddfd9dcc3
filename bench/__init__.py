"""How fast, how frugal and how exact Keysteward is, side by side with other ways to do its job.

`fleet.py` makes an AWS organization out of a seed, `fake_aws.py` serves it over HTTP, the runners scan it,
each in a process of its own, and `truth.py` knows which keys are due without asking any of them.
docs/performance.md tells how to read the results.
"""
