"""The composition root: the only place that knows which adapter stands behind which port.

Every function imports what it needs when it is called: `stackd status` must not wait for the imaging core.
"""
