"""The checks of the guide's Troubleshooting section, for `app-platform doctor` and the dashboard."""
