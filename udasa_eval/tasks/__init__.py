"""What is asked: suites, their datasets, and documents."""
