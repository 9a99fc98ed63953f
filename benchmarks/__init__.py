"""What pictures cost: muralist beside plain loops of the same methods."""
