export default {
  build: { rollupOptions: { input: ['index.html', 'in-worker.html'] } },
  optimizeDeps: { exclude: ['vaultshare'] },
};
