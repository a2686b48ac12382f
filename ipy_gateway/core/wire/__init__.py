"""The wire: connections, and the bodies that go over them."""
