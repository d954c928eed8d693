/** Everything in one file, as for a container without `node_modules`. */
export default { ssr: { noExternal: true }, build: { ssr: true } };
