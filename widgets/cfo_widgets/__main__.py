"""`python -m cfo_widgets`: serves the workbench as a page, over an API that runs elsewhere."""
import argparse
from cfo_widgets.page import serve
if __name__ == "__main__":
    p = argparse.ArgumentParser(); p.add_argument("--ip", default="127.0.0.1"); p.add_argument("--port", type=int, default=8866)
    o = p.parse_args(); serve(o.ip, o.port, "tok")
