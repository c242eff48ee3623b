"""The main job of the platform, done and checked step by step: `python -m app_platform.local demo`."""

from app_platform.local.demo.report import DemoError, Report
from app_platform.local.demo.run import demonstrate, steps

__all__ = ["DemoError", "Report", "demonstrate", "steps"]
