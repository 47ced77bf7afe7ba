"""Settings of the whole suite."""

from hypothesis import settings

# No deadline: examples are timed on machines that do other things as well.
settings.register_profile("suite", deadline=None, max_examples=300)
settings.load_profile("suite")
