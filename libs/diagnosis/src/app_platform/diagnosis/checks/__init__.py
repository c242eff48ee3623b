"""The checks: pure functions from what was seen to what is to be said, a module for each part of the platform."""
