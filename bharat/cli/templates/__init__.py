"""What `bharat new-plugin` makes a distribution of: one folder for each capability, `records` for a plugin without one.

Each is a plugin that works. Where it is copied, the words `new_plugin`, `new-plugin` and `NewPlugin` become the plugin's name, the
modules of its folder go to `src/`, and what lies in `common` is added; `bharat.cli.new_plugin` has the rules. Another capability
with a conformance suite needs one folder more, and nothing else.
"""
