"""What fusion methods put images together with: blending by weights, pyramids, the focus measure."""
