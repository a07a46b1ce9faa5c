"""The offline analyst: answers without a model of anyone's, from the tables' profile and the glossary alone."""

from cfo_kernel.agent.analyst.model import offline_model

__all__ = ["offline_model"]
