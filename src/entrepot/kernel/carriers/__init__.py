"""How events travel between services: straight by signed requests, or through RabbitMQ."""
