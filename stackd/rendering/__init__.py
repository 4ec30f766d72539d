"""Pictures and pages stackd draws itself: scenes with a known truth, the flower, contact sheets, the report. No files."""
