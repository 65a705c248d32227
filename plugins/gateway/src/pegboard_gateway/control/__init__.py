"""Who may call, how often, for how much money; what is kept for the next time; what may be said."""
