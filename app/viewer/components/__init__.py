"""The Streamlit components of the viewer. A folder holds all of one component: Python, HTML, CSS and JavaScript.

`shared` holds the JavaScript modules that several components import. package.json, eslint.config.js and tsconfig.json
serve `make lint` only; nothing here needs node to install, run or test the viewer.
"""
