"""A battery that lets the workplace's connection carry more than its limit, beside the best that could be done."""
