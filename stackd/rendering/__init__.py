"""Pictures stackd draws itself: scenes with a known truth, the demo's flower, contact sheets. Pixels only, no files."""
