export default process.env.WITHOUT_SETTINGS ? {} : { serverExternalPackages: ['vaultshare'] };
