"""The runners that come with this distribution."""
