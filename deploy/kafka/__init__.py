"""A real Apache Kafka from locked artefacts, for a laptop and for the tests."""
