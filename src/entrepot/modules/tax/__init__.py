"""Which tax applies where and when: dated rates by country and category."""
