"""A home whose fuse two cars could overload: how long it is overloaded, and how well it is used."""
