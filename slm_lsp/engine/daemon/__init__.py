"""The engine daemon: the process that holds the models, schedules requests and decodes."""
