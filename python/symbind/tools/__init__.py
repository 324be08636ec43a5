"""Commands: ``python -m symbind.tools.NAME``."""
