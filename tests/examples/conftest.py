"""The projects here are run as their owners would, each from its own directory; see test_examples.py."""
collect_ignore_glob = ["*/*"]
