const { default: init, SymmetricKey, VaultClient } = require('vaultshare');
const { tell, told } = require('./common/tell.js');

test('the story', async () => {
  console.log(told(await tell({ init, SymmetricKey, VaultClient }, process.env.VAULTSHARE_SERVER_URL)));
}, 60_000);
