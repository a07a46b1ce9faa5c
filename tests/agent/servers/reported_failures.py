"""Errors of model servers from public reports, each with its report."""

import json

from tests.agent.servers.case import QUERY, RESULT, Case, fails, works
from tests.agent.servers.failures import error
from tests.agent.servers.wire import Whole, chunk

_DASHSCOPE = "<400> InternalError.Algo.DataInspectionFailed: Input text data may contain inappropriate content."
_GEMINI_KEY = {
    "code": 400,
    "message": "API key not valid. Please pass a valid API key.",
    "status": "INVALID_ARGUMENT",
    "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
}
_OPENROUTER_LIMIT = {
    "message": "Provider returned error",
    "code": 429,
    "metadata": {"raw": "z-ai/glm-5.3-flash is temporarily rate-limited upstream.", "provider_name": "BaseTen"},
}
_OPENROUTER_IMAGE = {
    "message": "Provider returned error",
    "code": 400,
    "metadata": {"raw": json.dumps({"error": {"message": "Model 'kimi-k2.6' supports at most 1 image per prompt."}})},
}
_GROQ = {
    "message": "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.",
    "type": "invalid_request_error",
    "code": "tool_use_failed",
    "failed_generation": "<tool-use>",
}

REPORTED: dict[str, Case] = {
    "openrouter_provider_limit": fails(
        Whole(429, {"error": _OPENROUTER_LIMIT}),
        code="model_unavailable",
        says=["temporarily rate-limited upstream", "429", "Wait a little"],
        seen="open-webui/computer#293",
    ),
    "openrouter_provider_refusal": fails(
        Whole(400, {"error": _OPENROUTER_IMAGE}),
        code="model_unavailable",
        says=["Provider returned error: Model 'kimi-k2.6' supports at most 1 image"],
        seen="diegosouzapw/OmniRoute#3044",
    ),
    "deepseek_balance": fails(
        error(400, "Insufficient Balance", "invalid_request_error", type="unknown_error"),
        code="model_unavailable",
        says=["Insufficient Balance", "no credit"],
        never=["CFO_HISTORY_TURNS"],
        seen="Aider-AI/aider#4851",
    ),
    "dashscope_inspection": fails(
        error(400, _DASHSCOPE),
        code="model_refused",
        says=["inappropriate content", "content filter"],
        seen="QwenLM/qwen-code#3145",
    ),
    "dashscope_inspection_by_code": fails(
        error(400, "Input data may contain bad words.", "data_inspection_failed"),
        code="model_refused",
        says=["bad words", "content filter"],
        seen="camel-ai/owl#432",
    ),
    "gemini_key_quoted_twice": fails(
        error(400, json.dumps({"error": _GEMINI_KEY}), 400, status="Bad Request"),
        code="model_key_rejected",
        says=["API key not valid", "OPENAI_API_KEY"],
        seen="continuedev/continue#10530",
    ),
    "gemini_key_in_a_list": fails(
        Whole(400, [{"error": _GEMINI_KEY}]),
        code="model_key_rejected",
        says=["API key not valid"],
        seen="bigduu/Bodhi-AI#52",
    ),
    "lm_studio_context": fails(
        Whole(
            400,
            {
                "error": "Trying to keep the first 15857 tokens when context the overflows. However, the model is "
                "loaded with context length of only 4096 tokens, which is not enough."
            },
        ),
        code="model_unavailable",
        says=["15857 tokens", "new thread"],
        never=["call tools"],
        seen="lmstudio-ai/lmstudio-bug-tracker#237",
    ),
    "lm_studio_context_again": fails(
        Whole(
            400,
            {
                "error": "The number of tokens to keep from the initial prompt is greater than the context length "
                "(n_keep: 13055>= n_ctx: 4096)."
            },
        ),
        code="model_unavailable",
        says=["n_keep: 13055", "new thread"],
        seen="Gitlawb/openclaude#353",
    ),
    "tgi_context": fails(
        Whole(
            422,
            {
                "error": {
                    "message": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. "
                    "Given: 8740 `inputs` tokens and 500 `max_new_tokens`",
                    "http_status_code": 422,
                }
            },
        ),
        code="model_unavailable",
        says=["Given: 8740", "new thread"],
        seen="huggingface/huggingface_hub#2763",
    ),
    "vllm_context": fails(
        Whole(
            400,
            {
                "object": "error",
                "message": "This model's maximum context length is 16384 tokens. However, you "
                "requested 19591 tokens. Please reduce the length of the messages.",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
        ),
        code="model_unavailable",
        says=["19591 tokens", "new thread"],
        seen="vllm-project/vllm#20409",
    ),
    "vllm_no_parser": fails(
        Whole(
            400,
            {
                "object": "error",
                "message": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
        ),
        code="model_unavailable",
        says=["--enable-auto-tool-choice", "turn on tool calling"],
        seen="vllm-project/vllm#9986",
    ),
    "llama_cpp_no_jinja": fails(
        error(500, "tools param requires --jinja flag", 500, type="server_error"),
        code="model_unavailable",
        says=["--jinja", "turn on tool calling"],
        seen="defilantech/LLMKube#126",
    ),
    "llama_cpp_no_tools": fails(
        error(500, "Unsupported param: tools", 500, type="server_error"),
        code="model_unavailable",
        says=["Unsupported param: tools", "can call tools"],
        seen="ggml-org/llama.cpp#10920",
    ),
    "groq_cannot_read_its_model": fails(
        Whole(400, {"error": _GROQ}),
        code="model_unavailable",
        says=["Failed to call a function", "can call tools"],
        requests=3,
        seen="groq/groq-typescript#28",
    ),
    "groq_reads_it_the_second_time": works(
        [b"event: error\ndata: " + json.dumps({"error": {**_GROQ, "status_code": 400}}).encode() + b"\n\n"],
        QUERY,
        RESULT,
        requests=3,
        seen="anomalyco/opencode#1018",
    ),
    "azure_deployment": fails(
        error(404, "The API deployment for this resource does not exist.", "DeploymentNotFound"),
        code="model_unavailable",
        says=["does not have the model openai:x", "API deployment"],
        seen="chatboxai/chatbox#646",
    ),
    "bedrock_profile": fails(
        Whole(
            400,
            {
                "detail": "An error occurred (ValidationException) when calling the Converse operation: Invocation "
                "of model ID meta.llama3 with on-demand throughput isn’t supported."
            },
        ),
        code="model_unavailable",
        says=["on-demand throughput", "CFO_MODEL"],
        seen="aws-samples/bedrock-access-gateway#71",
    ),
    "ollama_memory": fails(
        Whole(500, {"error": "model requires more system memory (7.5 GiB) than is available (5.2 GiB)"}),
        code="model_unavailable",
        says=["7.5 GiB", "failed (500)"],
        never=["CFO_BASE_URL"],
        seen="continuedev/continue#12795",
    ),
    "huggingface_loading": fails(
        Whole(503, {"error": "Model Qwen/Qwen2-VL-2B-Instruct is currently loading", "estimated_time": 176.7}),
        code="model_unavailable",
        says=["currently loading", "503"],
        seen="huggingface/huggingface_hub#2763",
    ),
    "fireworks_address_with_its_path": fails(
        Whole(404, b""),
        code="model_unavailable",
        says=["CFO_BASE_URL", "/chat/completions"],
        seen="huggingface/chat-ui#845",
    ),
    "lm_studio_empty_after_overflow": fails(
        [chunk({"role": "assistant"}), chunk({}, "stop")],
        code="model_misbehaved",
        says=["empty"],
        seen="lmstudio-ai/lmstudio-bug-tracker#2339",
    ),
}
