"""What users hold: engines, connections, routers, sync and async."""
