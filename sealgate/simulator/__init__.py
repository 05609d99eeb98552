"""The provider's side, for trying things out: deliveries signed as a provider would sign them."""
