"""The notebooks run as tests: without anyone's key, and so without a network."""

import os

os.environ["CFO_MODEL"] = "offline"
