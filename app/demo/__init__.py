"""The demo: the composition root with other parts plugged in: a fake AWS, a clock, a console."""
