from .base import Index
