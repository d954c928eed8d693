// Stands for the parts of Node that the peer's packages mention and in a browser never use.
module.exports = {};
