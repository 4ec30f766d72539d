"""Pictures stackd draws itself: scenes of known truth, the demo's flower, contact sheets; and the page of a composite."""
