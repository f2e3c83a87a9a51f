"""Plans as people look at them: pictures and tables."""
