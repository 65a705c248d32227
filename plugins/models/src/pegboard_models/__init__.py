"""Models of any library: logged, saved, loaded by URI, checked against their signatures."""
