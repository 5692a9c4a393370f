"""Why one weight or one unit was removed, or kept."""
