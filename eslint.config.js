// What `make lint` asks of the scripts: the widgets' modules, their tests, the book's own script.
const js = require("@eslint/js");
const globals = require("globals");

module.exports = [
  { ignores: ["_build/**", ".venv*/**", "book/_static/vendor/**"] },
  js.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.worker } },
    rules: { eqeqeq: "error", "no-var": "error", "prefer-const": "error", "no-shadow": ["error", { allow: ["_"] }] },
  },
  { files: ["**/*.test.mjs", "tools/**", "*.config.js"], languageOptions: { globals: globals.node } },
];
