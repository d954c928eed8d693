const { default: init, SymmetricKey, VaultClient } = require('vaultshare');
const { tell, told } = require('./common/tell.js');

tell({ init, SymmetricKey, VaultClient }, process.env.VAULTSHARE_SERVER_URL).then((outcome) => {
  console.log(told(outcome));
});
