"""The offline analyst: answers without a language model, from the tables' profiles and the glossary alone."""

from cfo_kernel.agent.analyst.model import offline_model

__all__ = ["offline_model"]
