"""What people do WITH the reference. May import the core; the core never imports it."""
