"""What a tenant arranges: settings, number series, fields and objects of its own, layouts."""
