"""A gateway: the REST interface of Hasher-Matcher-Actioner (HMA) on a member's machine."""
