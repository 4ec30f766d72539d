"""Pictures stackd draws itself: scenes with a known truth, the demo's flower, contact sheets; and the page of a composite. No files."""
