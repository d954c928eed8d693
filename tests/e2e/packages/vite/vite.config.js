export default {
  worker: { format: 'es' },
  // The development server would move the package away from the file that lies beside it.
  optimizeDeps: { exclude: ['vaultshare'] },
};
