"""What methods do, in numbers: repeated objects, seams, distance from the truth, and cost."""
